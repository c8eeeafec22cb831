"""The comparison of packages: probes that run with each of them, and the page made of what was seen."""
