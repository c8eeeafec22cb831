"""Writing: carries the steps of a plan out, by SQL or by the methods of the model."""
