"""The self-test of an installation: planted truth through every stream."""
