"""Accuracy of the forecaster beside its peers: who forecasts the window maximum best, where, and how honestly."""
