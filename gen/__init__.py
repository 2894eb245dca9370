# SPDX-License-Identifier: Apache-2.0
"""The Ashlar generator: reads a system description, checks it, plans the machine, prints it.

The data flows one way; each stage is a pure function of the one before:

    source, diag <- schema <- model <- fdt, images, board, load <- checks <- plan
        <- emit, report <- __main__

(`a <- b`: b may import a.)  tests/test_layers.py holds the packages to that direction.
"""

#: Version of the contract between the generated C and runtime/include/hv/tables.h.
CONTRACT_VERSION = 2
