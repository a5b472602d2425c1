"""What campaigns caused: the treated against a randomised control group, per customer as assigned."""
