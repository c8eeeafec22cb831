"""Importing what peers have recorded: their released packages write it, this one brings it over."""
