"""What this project reaches under load, beside others set up as their own documents say: `make bench`."""
