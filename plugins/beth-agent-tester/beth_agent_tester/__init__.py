"""The tester: tests what was built against its criteria, and says what fails and how to see it."""
