# SPDX-License-Identifier: MIT
"""The parts of the benchmark suite that its commands share."""
