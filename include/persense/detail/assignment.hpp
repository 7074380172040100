// persense/detail/assignment.hpp: the Hungarian algorithm.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace persense::detail {

/// Gives every row a column of its own so that the sum of the costs is least: shortest augmenting
/// paths, O(rows^2 x columns).
/// @pre  not more rows than columns; finite costs.
/// @return  the column of each row.
/// @par Source  R. Jonker, A. Volgenant, A shortest augmenting path algorithm for dense and sparse
///   linear assignment problems (1987).
inline std::vector<int> assign(const Eigen::MatrixXf& cost) {
  const auto rows = static_cast<int>(cost.rows()), columns = static_cast<int>(cost.cols());
  constexpr float far = std::numeric_limits<float>::max();
  const auto n = static_cast<std::size_t>(columns);
  std::vector<int> row_of(n, -1), before(n);
  std::vector<float> row_price(static_cast<std::size_t>(rows), 0), column_price(n, 0), shortest(n);
  for (int row = 0; row < rows; ++row) {
    std::fill(shortest.begin(), shortest.end(), far);
    std::vector<bool> done(n, false);
    int at = -1, current = row;  // the column that the path has reached, and its row
    do {
      std::size_t next = n;
      for (std::size_t j = 0; j < n; ++j) {
        if (done[j]) continue;
        const float through = cost(current, static_cast<Eigen::Index>(j)) -
                              row_price[static_cast<std::size_t>(current)] - column_price[j];
        if (through < shortest[j]) shortest[j] = through, before[j] = at;
        if (next == n || shortest[j] < shortest[next]) next = j;
      }
      const float step = shortest[next];
      row_price[static_cast<std::size_t>(row)] += step;
      for (std::size_t j = 0; j < n; ++j) {
        if (done[j]) {
          row_price[static_cast<std::size_t>(row_of[j])] += step;
          column_price[j] -= step;
        } else {
          shortest[j] -= step;
        }
      }
      done[next] = true;
      at = static_cast<int>(next);
      current = row_of[next];
    } while (current >= 0);
    while (at >= 0) {  // back along the path
      const int from = before[static_cast<std::size_t>(at)];
      row_of[static_cast<std::size_t>(at)] =
          from < 0 ? row : row_of[static_cast<std::size_t>(from)];
      at = from;
    }
  }
  std::vector<int> column_of(static_cast<std::size_t>(rows));
  for (std::size_t j = 0; j < n; ++j)
    if (row_of[j] >= 0) column_of[static_cast<std::size_t>(row_of[j])] = static_cast<int>(j);
  return column_of;
}

}  // namespace persense::detail
