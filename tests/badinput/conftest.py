# SPDX-License-Identifier: MIT
"""The two programs, to be started with what they must refuse."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "blackbox")]
