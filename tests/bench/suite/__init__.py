# SPDX-License-Identifier: MIT
"""The shared parts of the benchmark commands."""
