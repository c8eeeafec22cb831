"""The command line: subcommands that parse, call one function, and write what came back."""
