"""Files: whole or not there, read without unpickling, arrays that survive a kill, wheels of the package index."""
