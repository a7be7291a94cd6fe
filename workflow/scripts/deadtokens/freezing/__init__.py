"""When tokens stop."""
