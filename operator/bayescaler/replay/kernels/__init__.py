"""The compiled half of the lab: loops over every step of a history, on plain arrays that the caller makes."""
