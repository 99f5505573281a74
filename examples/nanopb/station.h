/* SPDX-License-Identifier: MIT */
/*
 * station.h - the methods of station.proto, for its server and its client.
 */
#ifndef STATION_H
#define STATION_H

#include <weir/typed.h>

#include "station.pb.h"

extern const weir_method station_measure;
extern const weir_method station_watch;

#endif
