"""Numbers with their uncertainty, shared by all streams."""
