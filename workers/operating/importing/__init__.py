r"""`jobgroups import`: groups and jobs from a file, each line once, however often the import is started.

file -> lines -> pieces -> [commands, awaited, a window of them at once] -> settled in their order -> journal
                                                                            \-> rejected lines, kept
"""
