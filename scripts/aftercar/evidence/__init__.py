"""From measurements to kinetics, recovery, rules and risk by mechanism."""
