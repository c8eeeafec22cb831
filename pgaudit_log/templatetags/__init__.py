"""The template tags of the package."""
