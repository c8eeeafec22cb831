"""What type checkers are told of a project's typed events, as source text."""
