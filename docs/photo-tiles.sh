#!/usr/bin/env bash
# Cuts 160 x 160 tiles from the photographs of Debian's wallpapers: bash docs/photo-tiles.sh FOLDER [HELD_OUT]
# With a second folder the tiles of every fifth photograph go there, so that no photograph is in both.
# Needs: apt-get install imagemagick mate-backgrounds plasma-workspace-wallpapers
set -eu
mkdir -p "$@"
number=0
for photo in /usr/share/backgrounds/mate/nature/*.jpg \
  /usr/share/wallpapers/{Autumn,BytheWater,ColorfulCups,EveningGlow,FallenLeaf,Kite,OneStandsOut,Path}/contents/images/2560x1600.jpg; do
  number=$((number + 1))
  folder=$1
  [ $# -gt 1 ] && [ $((number % 5)) = 3 ] && folder=$2
  name=$(printf '%s' "$photo" | sed 's#/usr/share/##; s#/contents/images/.*##; s#[/.]#-#g')
  /usr/bin/convert "$photo" -resize 1280x -crop 160x160 +repage -quality 92 "$folder/$name-%02d.jpg"
done
# the narrow rest at the lower edge
for folder in "$@"; do /usr/bin/identify -format '%w %h %d/%f\n' "$folder"/*.jpg; done | awk '$1 != 160 || $2 != 160 { print $3 }' | xargs -r rm
