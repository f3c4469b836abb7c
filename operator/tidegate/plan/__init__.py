"""What we decide: pure functions from what is (a World) to what should be (a Plan). No I/O, no clock, no environment."""
