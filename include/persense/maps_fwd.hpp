// persense/maps_fwd.hpp: the names of dense float maps, for headers that only pass them on and can
// be read without Eigen. maps.hpp has the types.
#pragma once

namespace Eigen {
template <typename Scalar, int Rows, int Columns, int Options, int MaxRows, int MaxColumns>
class Array;
template <typename Plain, int Options, typename Stride>
class Ref;
template <int Value>
class OuterStride;
}  // namespace Eigen

namespace persense {

/// One float a pixel, (height, width), row-major.
using FloatMap = Eigen::Array<float, -1, -1, 1, -1, -1>;  // Eigen::Dynamic is -1, RowMajor is 1
/// A borrowed FloatMap: any row-major float memory with contiguous rows, copied never.
using FloatMapView = Eigen::Ref<const FloatMap, 0, Eigen::OuterStride<-1>>;
/// Objects per pixel, every value >= 0; the sum estimates the count.
using DensityMap = FloatMap;

}  // namespace persense
