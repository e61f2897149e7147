"""Editors: ways in which a motion cannot happen. To add one, write its class and add its line here."""

from physics_data.core.errors import Registry
from physics_data.editors.editor import Editor

EDITORS: Registry[Editor] = Registry(
    "editor",
    {
        "hidden_vanish": "physics_data.editors.presence:HiddenVanish",
        "hidden_appear": "physics_data.editors.presence:HiddenAppear",
        "hidden_duplicate": "physics_data.editors.presence:HiddenDuplicate",
        "hidden_shape_swap": "physics_data.editors.swaps:HiddenShapeSwap",
        "hidden_color_swap": "physics_data.editors.swaps:HiddenColorSwap",
        "hidden_size_swap": "physics_data.editors.swaps:HiddenSizeSwap",
        "hidden_texture_swap": "physics_data.editors.swaps:HiddenTextureSwap",
        "hidden_teleport": "physics_data.editors.presence:HiddenTeleport",
        "path_gap": "physics_data.editors.presence:PathGap",
        "freeze_off_screen": "physics_data.editors.presence:FreezeOffScreen",
        "reset_on_return": "physics_data.editors.presence:ResetOnReturn",
        "vanish": "physics_data.editors.presence:Vanish",
        "appear": "physics_data.editors.presence:Appear",
        "duplicate": "physics_data.editors.presence:Duplicate",
        "shape_swap": "physics_data.editors.swaps:ShapeSwap",
        "color_swap": "physics_data.editors.swaps:ColorSwap",
        "size_swap": "physics_data.editors.swaps:SizeSwap",
        "texture_swap": "physics_data.editors.swaps:TextureSwap",
        "teleport": "physics_data.editors.presence:Teleport",
        "pass_through": "physics_data.editors.impacts:PassThrough",
        "block_without_cause": "physics_data.editors.inertia:BlockWithoutCause",
        "float": "physics_data.editors.falling:Float",
        "wrong_g": "physics_data.editors.falling:WrongGravity",
        "no_support_needed": "physics_data.editors.falling:NoSupportNeeded",
        "sudden_turn": "physics_data.editors.inertia:SuddenTurn",
        "sudden_stop": "physics_data.editors.inertia:SuddenStop",
        "spontaneous_start": "physics_data.editors.inertia:SpontaneousStart",
        "wrong_bounce": "physics_data.editors.bounces:WrongBounce",
        "energy_gain": "physics_data.editors.bounces:EnergyGain",
        "momentum_not_conserved": "physics_data.editors.impacts:MomentumNotConserved",
        "action_without_contact": "physics_data.editors.impacts:ActionWithoutContact",
        "friction_sign": "physics_data.editors.falling:FrictionSign",
        "time_reversal": "physics_data.editors.bounces:TimeReversal",
    },
)
