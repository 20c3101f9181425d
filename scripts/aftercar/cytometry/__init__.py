"""From events to populations with intervals and limits."""
