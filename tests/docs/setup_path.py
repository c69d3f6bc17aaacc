"""Imported first: finds the package `support` beside this folder, from wherever a test is run."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
