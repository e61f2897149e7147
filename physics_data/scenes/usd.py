"""A simulated scene as OpenUSD: meshes, physics schema and the motion as time samples."""

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false, reportMissingImports=false
# OpenUSD's compiled modules come without type stubs.

from pathlib import Path
from typing import Any

import numpy as np

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import ConfigError, MissingPackageError
from physics_data.core.geometry import views_of
from physics_data.core.scene import Body, Compound, SceneSpec, Shape
from physics_data.core.trajectory import Trajectory
from physics_data.scenes.gltf import triangulated

USD_SUFFIXES = (".usda", ".usdc")


def write_usd(spec: SceneSpec, trajectory: Trajectory, path: str | Path) -> None:
    """Write a scene with its motion: .usda is text, .usdc is binary; z is up, units are metres.

    Every body is an Xform with a time sample for each frame, invisible where it is absent, with the rigid-body, mass
    and collision schemas; friction and restitution are a physics material. Patterns and pictures are not written, their
    first colour is; a plane becomes a square of 40 m.

    Raises:
        ConfigError: another suffix.
        DataError: the trajectory is not one of this scene.
        MissingPackageError: usd-core is not installed (extra ``usd``).
        StorageError: the disk refused.
    """
    path = Path(path)
    if path.suffix.lower() not in USD_SUFFIXES:
        raise ConfigError(f"cannot write {path}: the suffix '{path.suffix}' is none of {', '.join(USD_SUFFIXES)}.")
    try:
        from pxr import Gf, Usd, UsdGeom, UsdPhysics
    except ImportError as error:
        raise MissingPackageError("USD files need usd-core; pip install 'worldsim[usd]'.") from error
    trajectory.check_fits(spec)
    stage = Usd.Stage.CreateInMemory(path.suffix.lower())
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(spec.frame_rate)
    stage.SetFramesPerSecond(spec.frame_rate)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(spec.num_frames - 1)
    world = UsdGeom.Xform.Define(stage, "/World")
    stage.SetDefaultPrim(world.GetPrim())
    physics = UsdPhysics.Scene.Define(stage, "/World/physics")
    pull = float(np.linalg.norm(spec.gravity))
    physics.CreateGravityMagnitudeAttr(pull)
    down = np.array(spec.gravity) / pull if pull else np.array([0.0, 0.0, -1.0])
    physics.CreateGravityDirectionAttr(Gf.Vec3f(*(float(part) for part in down)))
    for index, body in enumerate(spec.bodies):
        _add_body(stage, body, trajectory, index)
    _add_camera(stage, spec)
    with atomic_path(path) as partial:
        named = partial.with_name(f"{partial.name}{path.suffix.lower()}")  # USD chooses the form by the suffix
        stage.GetRootLayer().Export(str(named))
        named.replace(partial)


def _add_body(stage: Any, body: Body, trajectory: Trajectory, index: int) -> None:
    from pxr import Gf, UsdGeom, UsdPhysics, UsdShade

    place = f"/World/{body.name}"
    node = UsdGeom.Xform.Define(stage, place)
    move, turn = node.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble), node.AddOrientOp(UsdGeom.XformOp.PrecisionDouble)
    frames = [0] if body.is_static else range(trajectory.num_frames)
    for frame in frames:
        when = () if body.is_static else (frame,)
        move.Set(Gf.Vec3d(*trajectory.position[frame, index].tolist()), *when)
        w, x, y, z = trajectory.orientation[frame, index].tolist()
        turn.Set(Gf.Quatd(w, x, y, z), *when)
    if trajectory.present is not None:
        for frame, is_there in enumerate(trajectory.present[:, index]):
            node.CreateVisibilityAttr().Set("inherited" if is_there else "invisible", frame)
    if not body.is_static:
        rigid = UsdPhysics.RigidBodyAPI.Apply(node.GetPrim())
        rigid.CreateKinematicEnabledAttr(body.is_scripted)
        UsdPhysics.MassAPI.Apply(node.GetPrim()).CreateMassAttr(body.mass)
    surface = UsdShade.Material.Define(stage, f"{place}/surface")
    stuff = UsdPhysics.MaterialAPI.Apply(surface.GetPrim())
    stuff.CreateDynamicFrictionAttr(body.surface.friction)
    stuff.CreateStaticFrictionAttr(body.surface.friction)
    stuff.CreateRestitutionAttr(body.surface.restitution)
    parts: list[tuple[Shape, Any, Any]] = [(body.shape, None, None)]
    if isinstance(body.shape, Compound):
        parts = [(part.shape, part.position, part.orientation) for part in body.shape.parts]
    for number, (shape, position, orientation) in enumerate(parts):
        vertices, normals, triangles = triangulated(shape)
        mesh = UsdGeom.Mesh.Define(stage, f"{place}/part_{number}")
        mesh.CreatePointsAttr([Gf.Vec3f(*vertex) for vertex in vertices.tolist()])
        mesh.CreateNormalsAttr([Gf.Vec3f(*normal) for normal in normals.tolist()])
        mesh.SetNormalsInterpolation("vertex")
        mesh.CreateFaceVertexCountsAttr([3] * len(triangles))
        mesh.CreateFaceVertexIndicesAttr(triangles.reshape(-1).tolist())
        mesh.CreateSubdivisionSchemeAttr("none")
        mesh.CreateExtentAttr([Gf.Vec3f(*vertices.min(0).tolist()), Gf.Vec3f(*vertices.max(0).tolist())])
        mesh.CreateDisplayColorAttr([Gf.Vec3f(*body.appearance.albedo)])
        mesh.CreateDisplayOpacityAttr([1.0 - body.appearance.transparency])
        if position is not None:
            mesh.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*position))
            mesh.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(*orientation))
        UsdPhysics.CollisionAPI.Apply(mesh.GetPrim())
        if body.is_dynamic:
            UsdPhysics.MeshCollisionAPI.Apply(mesh.GetPrim()).CreateApproximationAttr("convexHull")
        UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(surface, materialPurpose="physics")


def _add_camera(stage: Any, spec: SceneSpec) -> None:
    from pxr import Gf, UsdGeom

    camera = UsdGeom.Camera.Define(stage, "/World/camera")
    height = 24.0
    camera.CreateVerticalApertureAttr(height)
    camera.CreateHorizontalApertureAttr(height * spec.width / spec.height)
    camera.CreateFocalLengthAttr(height / (2.0 * float(np.tan(np.radians(spec.camera.fov_y) / 2))))
    pose = camera.AddTransformOp()
    for frame, view in enumerate(views_of(spec)):
        # Ours looks along +z with y down, USD's along -z with y up; USD multiplies rows.
        matrix = np.eye(4)
        matrix[:3, :3] = (view.world_from_camera @ np.diag([1.0, -1.0, -1.0])).T
        matrix[3, :3] = view.origin
        pose.Set(Gf.Matrix4d(*matrix.reshape(-1).tolist()), *((frame,) if spec.camera.is_moving else ()))
        if not spec.camera.is_moving:
            return
