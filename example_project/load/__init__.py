"""Load: writers who do what a shop does, and the books of what their events must be."""
