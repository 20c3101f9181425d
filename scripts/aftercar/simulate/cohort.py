"""The twelve patients of the synthetic cohort: nobody is real.

The stories are told in `stories_b_all` and `stories_other`; this is their list.
Days count from the first infusion. Numbers in `edge_cases` are those of the list of edge patients
(1 CAR below the limit with aplasia ... 24 a name in an FCS keyword); duplicate identifiers and
swapped specimens (20) would be refused at the door and live in the tests of the sheets.
"""

from aftercar.simulate.stories_b_all import P01, P02, P03, P04, P05, P08, P09, P10
from aftercar.simulate.stories_other import P06, P07, P11, P12

COHORT = (P01, P02, P03, P04, P05, P06, P07, P08, P09, P10, P11, P12)
# batch -> controls (panel, control_for): what places the cuts of the batch
CONTROLS = {
    "b1": (("car_t_persistence", "fmo:CAR"), ("b_cell_recovery", "unstained")),
    "b2": (
        ("car_t_persistence", "fmo:CAR"),
        ("b_cell_recovery", "unstained"),
        ("t_lineage", "fmo:CAR7"),
        ("t_lineage", "fmo:CAR5"),
    ),
    "b3": (("car_t_persistence", "fmo:CAR"), ("b_cell_recovery", "unstained")),
}
