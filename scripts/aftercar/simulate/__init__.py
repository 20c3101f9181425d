"""Synthetic raw files with known truth; shares no code with the analysis."""
