"""The replay lab, pure: what decisions would have done to a load, and what an HPA would have done."""
