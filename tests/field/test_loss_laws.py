from statistical import agree

from qgmutils.ensembles.sampling import LossTask
from qgmutils.field import haar
from qgmutils.field.loss_laws import loss_laws
from qgmutils.losses import hamiltonians


def test_loss_laws_of_a_small_ensemble(rng):
    seed = int(rng.integers(2**31))
    problem = hamiltonians.build("projector", 4, {"rank": 3}, seed=seed)
    table = LossTask("projector", (("rank", 3),), 4, 2, 0, 800, 16, seed).run()
    laws = loss_laws(table, problem, 2, rng=rng)
    assert laws["samples"] == len(table) == 12_800
    for name in ("slope", "same_circuit"):
        agree(laws[name], laws[f"{name}_exact"], laws[f"{name}_se"])
    # 2^-p = 1/4 is seen, by some 17 standard errors.
    assert 0 < 6 * laws["same_circuit_se"] < laws["same_circuit_exact"]
    assert laws["skewness_exact"] == haar.skewness_ratio(problem.levels)
    assert 0 < laws["ks_gamma_exact"] < 0.1
