"""What an engine tells of itself: read by the operator, which decides how many there should be, and by routers, which weigh them."""
