"""Accuracy experiments: what the analysis finds in data whose truth is known."""
