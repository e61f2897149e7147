from benchmarks.evaluator import Evaluator as Evaluator
from eval.audit.folder import audit as audit
from physics_data.core.clip import Clip as Clip
from physics_data.core.scene import SceneSpec as SceneSpec
from physics_data.environment import make_env as make_env
from physics_data.episodes import write_episodes as write_episodes
from physics_data.scenes.words.direct import direct as direct
from physics_data.simulation import build_dataset as build_dataset
from physics_data.simulation import save_scene as save_scene
from physics_data.simulation import simulate as simulate
from worldsim.data.clip_dataset import ClipDataset as ClipDataset
from worldsim.generated import GeneratedVideo as GeneratedVideo
from worldsim.generator import VideoGenerator as VideoGenerator
from worldsim.listing import list_editors as list_editors
from worldsim.listing import list_engines as list_engines
from worldsim.listing import list_losses as list_losses
from worldsim.listing import list_metrics as list_metrics
from worldsim.listing import list_models as list_models
from worldsim.listing import list_renderers as list_renderers
from worldsim.listing import list_scenarios as list_scenarios
from worldsim.listing import list_suites as list_suites
from worldsim.training.stages import train as train

__version__: str
