"""What campaigns caused, and what one can show: the treated against randomised control, per customer as assigned.

Imports models.types. Start with effect.py (the table), then difference.py (the interval), moments.py (the adjustment)
and verdict.py; randomisation.py, many_looks.py and shrunken.py are what a verdict rests on, plan.py what stands before.
"""
