"""Public measures, computed beside ours on the same videos. They are for comparison and enter none of our scores."""

from eval.public.measure import Comparison, PublicMeasure, PublicMeasureInfo
from physics_data.core.errors import Registry

PUBLIC_MEASURES: Registry[PublicMeasure] = Registry(
    "public measure",
    {
        "physics_iq": "eval.public.physics_iq:PhysicsIQ",
        "physics_iq_verified": "eval.public.physics_iq:PhysicsIQVerified",
        "pisa_l2": "eval.public.pisa:PisaL2",
        "pisa_chamfer": "eval.public.pisa:PisaChamfer",
        "pisa_iou": "eval.public.pisa:PisaIoU",
        "tapvid_aj": "eval.public.tracking:TapVidJaccard",
        "hota": "eval.public.tracking:Hota",
        "idf1": "eval.public.tracking:Idf1",
        "vbench_flicker": "eval.public.pixels:TemporalFlickering",
        "psnr": "eval.public.pixels:Psnr",
        "ssim": "eval.public.pixels:Ssim",
    },
)

__all__ = ["PUBLIC_MEASURES", "Comparison", "PublicMeasure", "PublicMeasureInfo"]
