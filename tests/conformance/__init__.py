"""The suite of notifications.testing.conformance against this project's servers, and against others (`make conformance`)."""
