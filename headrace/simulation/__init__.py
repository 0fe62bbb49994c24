"""Running a configuration in simulated time: what is done to it, and what is told of it."""
