"""`jobgroups doctor`: every dependency and setting looked at, and what to do about those that are not well."""
