"""Reading: questions about events, of one model or of all."""
