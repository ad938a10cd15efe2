"""What callers see, and which concrete classes it is made of."""
