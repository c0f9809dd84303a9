# filled with the programs
