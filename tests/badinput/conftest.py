# SPDX-License-Identifier: MIT
"""Starts the two programs with input that they must refuse."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "blackbox")]
