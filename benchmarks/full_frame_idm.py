"""IDM with NumPy and OpenCV, every step over the whole frame, as the released Python does it.

Started by idm_benchmark, which asks for one run at a time through standard input:

    load KEY MAP.npy WIDTH HEIGHT   answers the points: x y x y ...
    run KEY                         answers the seconds that one run took
"""

import sys
import time

import cv2
import numpy as np


def centroid(contour):
    moments = cv2.moments(contour)
    area = moments["m00"] + 1e-15
    return int(moments["m10"] / area), int(moments["m01"] / area)


def external_contours(binary):
    return cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]


def full_frame_idm(density, size, level=30):
    resized = cv2.resize(density, size, interpolation=cv2.INTER_LINEAR)
    scaled = (resized - resized.min()) / (resized.max() - resized.min())
    levels = (scaled * 255).astype(np.uint8)
    grey = cv2.cvtColor(np.stack((levels, levels, levels), axis=-1), cv2.COLOR_BGR2GRAY)
    binary = cv2.threshold(grey, level, 255, cv2.THRESH_BINARY)[1]
    contours = external_contours(cv2.erode(binary, np.ones((3, 3), np.uint8), iterations=1))
    areas = [cv2.contourArea(contour) for contour in contours]
    limit = np.mean(areas) + 2 * np.std(areas)

    points = []
    for contour, area in zip(contours, areas):
        if area <= limit:
            continue
        mask = np.zeros_like(grey)
        cv2.drawContours(mask, [contour], 0, 255, cv2.FILLED)
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        cores = cv2.threshold(distance, 0.5 * distance.max(), 255, cv2.THRESH_BINARY)[1]
        points += [centroid(core) for core in external_contours(cores.astype(np.uint8))]
    return points + [centroid(contour) for contour in contours]


def main():
    inputs = {}
    for line in sys.stdin:
        command, key, *rest = line.split()
        if command == "load":
            path, width, height = rest
            inputs[key] = np.load(path), (int(width), int(height))
            print(*(value for point in full_frame_idm(*inputs[key]) for value in point), flush=True)
        else:
            begin = time.perf_counter()
            full_frame_idm(*inputs[key])
            print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
