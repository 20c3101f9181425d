"""The table of curves fitted to CAR copies; made only where the configuration asks for it."""

from aftercar.contracts.specimen import PATIENT_ID
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import YES_NO

CURVE_QUANTITIES = ("cmax", "half_life_fast_days", "half_life_slow_days", "auc0_28")

KINETIC_MODEL = Table(
    name="fitted CAR-T curves (Stein 2019, censored likelihood)",
    key=("patient_id", "infusion_no", "measure", "target", "quantity"),
    columns={
        "patient_id": PATIENT_ID,
        "infusion_no": Column("int64", "infusion", minimum=1),
        "infusion_day": Column("int64", "days since the first infusion"),
        "measure": Column("string", "measure and so unit of the curve"),
        "target": Column("string", "antigen that the CAR binds, or empty"),
        "quantity": Column("string", "what was estimated", allowed=CURVE_QUANTITIES),
        "estimate": Column(
            "float64", "of the fitted curve; empty where not identifiable", nullable=True
        ),
        "low": Column("float64", "lower 95 % limit (profile likelihood)", nullable=True),
        "high": Column("float64", "upper 95 % limit (profile likelihood)", nullable=True),
        "unit": Column("string", "unit of estimate, low and high"),
        "quantified": Column("int64", "values at or above the LLOQ", minimum=0),
        "below_lloq": Column("int64", "values known to lie below their limit", minimum=0),
        "identifiable": Column(
            "string",
            "no: the specimens do not tell this quantity (interval open or wider than 100 times)",
            allowed=YES_NO,
        ),
        "reason": Column("string", "why it is not identifiable, or empty"),
    },
)
