"""Access events: who came, went, was not let in, and which pages were looked at."""
