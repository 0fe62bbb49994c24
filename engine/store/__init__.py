"""The durable side of the simulator: one SQLite file in the state folder."""
